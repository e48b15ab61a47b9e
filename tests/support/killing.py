"""Processes that are made to be killed.

They are forked from a server process that has everything imported and nothing else: no thread, no open database. A
fork of the test's own process would copy locks that its threads hold, and hang.
"""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["tests.support.appending", "tests.support.erasing", "tests.support.granting", "tests.support.mirroring"]
)
