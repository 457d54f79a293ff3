"""What `tonmeister batch` is made of: a catalogue mastered, whatever happens meanwhile.

rows        manifests: CSV, JSON, JSON lines
inputs      what is meant: files, folders, globs, URLs, manifests, the record of an earlier run
plan        songs with their settings and outputs; all that is wrong beforehand
outbox      the folder, here or elsewhere, that everything goes to
record      batch.json, which the next run goes on from
probe       lengths from headers, in parallel
rates       how long mastering takes
estimate    time, room, memory, money
ready       what is in the inputs, and whether it was done; read ahead
task        a song, or an album, as a job
run         works become jobs; what came of them is recorded
session     a run as people follow it
summary     batch.csv and batch.html
"""
