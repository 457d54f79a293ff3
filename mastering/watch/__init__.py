"""A drop folder: what lies in it is worked on as jobs, once, and moved out of the way.

values      Setup, Signature, Found, Plan: values and what the program around it gives
scan        one look into the inbox, and what has been the same for long enough
names       names of outputs by template, free names
folders     settings of a folder, inherited from those above it
ledger      Ledger: what is worked on and what is about to be moved, in SQLite
moves       inputs to done/ and failed/, and why
watcher     Watcher: takes files, submits jobs, concludes
hint        Waker: looks earlier where the system tells of changes
"""
