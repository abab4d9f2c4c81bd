"""CLIP's text side: its vocabulary (data), byte-pair tokeniser, transformer, and the encoder built of them.

`bpe_simple_vocab_16e6.txt.gz` is OpenAI's table of merges, see NOTICE.
"""
