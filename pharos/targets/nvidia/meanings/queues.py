"""Which of a thread's queues of asynchronous effects belongs to which kind of instruction."""

COPIES = 0  # cp.async, in groups
BULK_STORES = 1  # cp.async.bulk to global memory, in groups
BULK_LOADS = 2  # cp.async.bulk to shared memory, completed by an mbarrier
PRODUCTS = 3  # wgmma, in groups, those of a warp in its first lane's queue
