"""Remix: stems with other gains, places, effects, tempo and key, joined again.

values    Remix, StemRemix, Automation: what is done, as JSON through `mastering.codec`
curve     automation without clicks                place   pan and width of stereo
stem      one stem after all that is done to it    mix     `remix`: the stems joined
documents reading and writing NAME.remix.json and files of automation
"""
