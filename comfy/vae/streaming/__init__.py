"""Layers of video autoencoders that run piece by piece: the weights here, what they remember in a `Memory`.

Used by the video families. Imports torch alone.
"""
