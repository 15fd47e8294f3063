"""What the pages show before the code has it. Delete an entry when it arrives: a test asks for that."""

COMMANDS = {
    "flights up --live",
    "make test-unit",
    "make test-slow",
}
# Tests on the page of guarantees.
TESTS = {
    "test_kafka_as_it_is.py::test_a_bomb_of_200_mb_is_one_rejected_message_and_its_neighbours_are_staged",
    "test_kafka_as_it_is.py::test_every_codec_lands_byte_for_byte",
    "test_kafka_as_it_is.py::test_only_committed_messages_land_and_an_open_transaction_delays_what_is_behind_it",
    "test_kafka_reader.py::test_a_damaged_batch_is_one_row_that_says_so_and_reading_goes_on",
    "test_pipeline.py::test_a_batch_that_died_while_it_was_written_takes_the_same_messages_again",
}
# Files and folders, from the root of the repository.
PATHS = {
    "docs/contract.md",
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
