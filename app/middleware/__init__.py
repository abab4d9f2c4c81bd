"""One concern per file: error answers, origin check and CORS, size limit; headers are set by signals."""
