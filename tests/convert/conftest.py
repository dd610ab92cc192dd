"""The stand-in for the authors' detector lies in this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
