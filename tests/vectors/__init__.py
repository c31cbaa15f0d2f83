"""Test vectors that others published: each file names its source, its license and our changes."""

from pathlib import Path

VECTORS = Path(__file__).parent
