"""A drop folder: what lies in it is worked on as jobs, once, and moved out of the way.

values      Setup, Signature, Found, Item, Plan: values and what the program around it gives
scan        one look into the inbox
stability   what has been the same for how long
names       names by template, free names
outputs     where masters go
folders     settings of a folder, inherited from those above it
ledger      Ledger: what is worked on, about to be moved, and to be told, in SQLite
inbox       Inbox: what lies there, what is ready, what is said about the rest
taking      what is ready becomes jobs
claims      what is under way
concluding  what follows from a job that has ended
leaving     to done/ and failed/, counted and told
moves       a file's move, and why
events      what a webhook tells
watcher     Watcher: all of it together
hint        Waker: looks earlier where the system tells of changes
"""
