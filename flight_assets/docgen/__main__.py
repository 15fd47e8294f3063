"""``python -m flight_assets.docgen``."""

from flight_assets.docgen import main

if __name__ == "__main__":
    main()
