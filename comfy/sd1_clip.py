"""Door for packs that work on prompts and SD1 text encoders. Rooms: comfy/text/prompt_weights.py,
comfy/text/clip/."""

from __future__ import annotations

from comfy.text.clip.encoder import ClipTextEncoder as SDClipModel
from comfy.text.clip.encoder import Sd1TextEncoder as SD1ClipModel
from comfy.text.clip.tokenizer import ClipTokenizer as SDTokenizer
from comfy.text.clip.tokenizer import Sd1Tokenizer as SD1Tokenizer
from comfy.text.prompt_weights import escape_important as escape_important
from comfy.text.prompt_weights import parse_parentheses as parse_parentheses
from comfy.text.prompt_weights import token_weights as token_weights
from comfy.text.prompt_weights import unescape_important as unescape_important

__all__ = [
    "SD1ClipModel",
    "SD1Tokenizer",
    "SDClipModel",
    "SDTokenizer",
    "escape_important",
    "parse_parentheses",
    "token_weights",
    "unescape_important",
]
