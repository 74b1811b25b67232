"""The host's side of every GPU: memory, launches, streams and graphs over a driver's functions.

driver.py     what a vendor's driver, or the simulator, supplies
device.py     the device: buffers, copies, streams, graphs
module.py     an artifact's code and constants on the device
call.py       a function with its arguments: the steps of its launch description
scratch.py    where its temporary arrays lie, and the memory that calls share for them
runs.py       arrays with gaps as pieces without
streams.py    streams, events, graphs
"""
