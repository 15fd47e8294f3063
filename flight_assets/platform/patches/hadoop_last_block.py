"""Let HDFS clients ask again soon for the last block of a file.

Library: hadoop-hdfs-client 3.5.0
Symptom: a file closes once its DataNode has reported the last block; Hadoop asks again after 400 ms.
Gain: a small append takes 0.2 s, not 1.0 s, when it was made.
Guard: flight_assets_tests/unit/test_patches.py::test_the_hooks_without_code_are_in_the_services_configuration
Remove: when the NameNode answers a close without a pause of the client.
"""

PROPERTIES = {
    "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": 5,
    "dfs.client.block.write.locateFollowingBlock.retries": 12,
}
