"""Groups of the command line, one file each; `flight_assets.cli` puts them together."""
