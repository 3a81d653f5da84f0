"""Makes the SDK in sdk/src importable by every process of the virtual environment that runs this."""

import sysconfig
from pathlib import Path

SDK = Path(__file__).resolve().parents[1] / "sdk" / "src"

if __name__ == "__main__":
    (Path(sysconfig.get_path("purelib")) / "quarterdeck_sdk.pth").write_text(f"{SDK}\n")
