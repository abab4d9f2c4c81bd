"""The page at GET /codec: sources in `src`, built by `npm run build` into `dist`, which is what is served."""
