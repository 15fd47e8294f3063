"""What the pages show before the code has it. Delete an entry when it arrives: a test asks for that."""

COMMANDS = {
    "flights up --live",
    "flights ledger blocked",
    "make test-unit",
    "make test-slow",
}
# Files and folders, from the root of the repository.
PATHS = {
    "docs/sources.md",
    "flight_assets/transforms/check.py",
    "flight_assets/delay_model/features/build.py",
    "flight_assets/delay_model/features/schedule_features.py",
    "flight_assets/pipeline/",
    "flight_assets/pipeline/check_results.py",
    "flight_assets/pipeline/checks.py",
    "flight_assets/platform/services/",
    "flight_assets/transforms/fields.py",
    "flight_assets/transforms/rules.py",
    "dashboard/charts/",
}
