"""Which seeds are whose: nothing is trained on the episodes that it is judged by."""

#: Seeds of evaluations begin at 0; those from here on are what settings are chosen by.
TUNING = 500_000
#: Both end before these.
CALIBRATION = 999_000           # episodes that the expected surprise is measured on
TRAINING = 1_000_000            # each run of training has as many of its own
RUNS = 800                      # runs of training
RECORDED = 850_000_000          # of ``wm_ros collect``
EDGE_CASES = 870_000_000        # of ``wm_ros edge_cases``; each search has as many of its own:
SCENES = 10_000
SEARCHES = 2_000
HELD_OUT = 900_000_000          # episodes that nothing is trained on
