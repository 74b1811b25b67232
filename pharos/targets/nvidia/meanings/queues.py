"""Which of a thread's queues of asynchronous effects belongs to which kind of instruction."""

COPIES = 0  # cp.async, in groups
BULK_STORES = 1  # cp.async.bulk to global memory, in groups
PRODUCTS = 2  # wgmma, in groups, those of a warp in its first lane's queue
BULK_LOADS = 4  # cp.async.bulk to shared memory; others wait for the mbarrier that it completes
