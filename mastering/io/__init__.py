"""Files: the only place that transposes, and the only importer of soundfile, av and mutagen.

Reading
    files      open_source, probe, sha256: what the rest of the project calls
    info       FileInfo and Notice: what is known about a file        paths   what is no file at all
    worker     the parent's side of the decoder process: deadline, crash, clean-up
    decoder    the child's side: `python -m mastering.io.decoder`; they talk in `stream` messages
    sndfile    libsndfile's formats                 ffmpeg     everything else
    channels   speaker layouts and the downmix      riff       chunks of WAV, RF64, W64 and AIFF
Writing
    writer     open_writer: dither, encode, tag, commit
    encoders   one class per family of containers   wav        WAV and RF64, written here
    ogg        reproducible Ogg serial numbers      atomic     temporary file, then one rename
Metadata
    metadata   the values: tags, pictures, broadcast data, cue points
    tags       read_metadata, write_metadata        tagformats ID3, Vorbis comments, MP4 atoms, ASF
    tagmaps    names of the tags in each format
    bwf        bext, cue and adtl chunks as bytes
"""
