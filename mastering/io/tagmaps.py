"""Names of the carried tags in each format: ID3v2, Vorbis comments, MP4, ASF and RIFF INFO."""

from __future__ import annotations

__all__ = ["ASF", "ID3_FRAMES", "INFO", "MP4_ATOMS", "VORBIS", "VORBIS_TOTALS"]

ID3_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "date": "TDRC",
    "genre": "TCON",
    "tracknumber": "TRCK",
    "discnumber": "TPOS",
    "composer": "TCOM",
    "isrc": "TSRC",
    "comment": "COMM",
    "copyright": "TCOP",
    "bpm": "TBPM",
    "lyrics": "USLT",
    "label": "TPUB",
}

# The first name is written; the others are read as well.
VORBIS = {
    "title": ("TITLE",),
    "artist": ("ARTIST",),
    "album": ("ALBUM",),
    "albumartist": ("ALBUMARTIST", "ALBUM ARTIST"),
    "date": ("DATE", "YEAR"),
    "genre": ("GENRE",),
    "tracknumber": ("TRACKNUMBER",),
    "discnumber": ("DISCNUMBER",),
    "composer": ("COMPOSER",),
    "isrc": ("ISRC",),
    "comment": ("COMMENT", "DESCRIPTION"),
    "copyright": ("COPYRIGHT",),
    "bpm": ("BPM", "TEMPO"),
    "lyrics": ("LYRICS", "UNSYNCEDLYRICS"),
    "label": ("LABEL", "ORGANIZATION", "PUBLISHER"),
}
VORBIS_TOTALS = {"tracknumber": ("TRACKTOTAL", "TOTALTRACKS"), "discnumber": ("DISCTOTAL", "TOTALDISCS")}

MP4_ATOMS = {
    "title": "\xa9nam",
    "artist": "\xa9ART",
    "album": "\xa9alb",
    "albumartist": "aART",
    "date": "\xa9day",
    "genre": "\xa9gen",
    "tracknumber": "trkn",
    "discnumber": "disk",
    "composer": "\xa9wrt",
    "isrc": "----:com.apple.iTunes:ISRC",
    "comment": "\xa9cmt",
    "copyright": "cprt",
    "bpm": "tmpo",
    "lyrics": "\xa9lyr",
    "label": "----:com.apple.iTunes:LABEL",
}

ASF = {
    "title": "Title",
    "artist": "Author",
    "album": "WM/AlbumTitle",
    "albumartist": "WM/AlbumArtist",
    "date": "WM/Year",
    "genre": "WM/Genre",
    "tracknumber": "WM/TrackNumber",
    "discnumber": "WM/PartOfSet",
    "composer": "WM/Composer",
    "isrc": "WM/ISRC",
    "comment": "Description",
    "copyright": "Copyright",
    "bpm": "WM/BeatsPerMinute",
    "lyrics": "WM/Lyrics",
    "label": "WM/Publisher",
}

INFO = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "date": b"ICRD",
    "genre": b"IGNR",
    "tracknumber": b"ITRK",
    "comment": b"ICMT",
    "copyright": b"ICOP",
}
