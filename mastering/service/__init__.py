"""The service: an HTTP interface to the jobs, and the page that uses it.

settings    one file, environment, options
records     the service's own SQLite file: keys, songs, uploads, jobs by owner, shares
keys        API keys and sessions, as digests
guards      what every request passes: Host, Origin, headers, content policy
limits      how often somebody may ask
problems    errors as problem+json
models      bodies of requests          answers     bodies of answers       measured    parts of them
described   the OpenAPI document        examples/   in it
access      who asks, pages of lists, documented errors
uploads     files on their way (tus)    pace        how fast they must come
songs       what they become
wishes      bodies as tasks
work        jobs: whose, what, where    feed        how far they are, copied and told
documents   what is said about a job    files       files as answers
recipes     read, compared              adjust      knobs turned
desk        processes that do what takes longer     listening   what they do
rooms       what is heard and seen, kept on disk    wave        32-bit float wavs
summed      a song whose stems a recipe changes
plugins     what is allowed             shares      links that show one job
retention   what goes                   ops         logs and metrics
ports       Workshop: makes the jobs' requests; the command line is one
house       all of these, put together  app         the application        server      listening
routes/     one module for each part of the API
page/       the built page
"""
