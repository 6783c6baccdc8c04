"""libopus through ctypes: the ear of the tests, and the yardstick of what 128 kbit/s can do."""
import ctypes

import numpy as np

from lib import FRAME

_lib = ctypes.CDLL("libopus.so.0")
for _name in ("opus_decoder_create", "opus_encoder_create"):
    getattr(_lib, _name).restype = ctypes.c_void_p
for _name in ("opus_decoder_destroy", "opus_encoder_destroy"):
    getattr(_lib, _name).argtypes = [ctypes.c_void_p]
    getattr(_lib, _name).restype = None
_FLOATS = ctypes.POINTER(ctypes.c_float)
_lib.opus_decode_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, _FLOATS,
                                   ctypes.c_int, ctypes.c_int]
_lib.opus_encode_float.argtypes = [ctypes.c_void_p, _FLOATS, ctypes.c_int, ctypes.c_char_p,
                                   ctypes.c_int32]

RATE = 48000
APPLICATION_AUDIO = 2049
SET_BITRATE = 4002
SET_COMPLEXITY = 4010
LONGEST = 5760  # samples of 120 ms


def samples(packet):
    """Samples at 48 kHz in a packet; negative when it is none."""
    return _lib.opus_packet_get_nb_samples(packet, len(packet), RATE)


def decode(packets):
    """Decode packets in order with one fresh decoder: float32, n × 2."""
    error = ctypes.c_int()
    decoder = _lib.opus_decoder_create(RATE, 2, ctypes.byref(error))
    assert error.value == 0
    out, room = [], np.empty((LONGEST, 2), np.float32)
    try:
        for index, packet in enumerate(packets):
            n = _lib.opus_decode_float(decoder, packet, len(packet),
                                       room.ctypes.data_as(_FLOATS), LONGEST, 0)
            assert n > 0, f"packet {index} ({len(packet)} bytes): libopus says {n}"
            out.append(room[:n].copy())
    finally:
        _lib.opus_decoder_destroy(decoder)
    return np.concatenate(out) if out else np.zeros((0, 2), np.float32)


def encode(pcm, bitrate=128000, complexity=10):
    """Encode as the daemon is told to: 20 ms, VBR, application audio."""
    error = ctypes.c_int()
    encoder = _lib.opus_encoder_create(RATE, 2, APPLICATION_AUDIO, ctypes.byref(error))
    assert error.value == 0
    pad = -len(pcm) % FRAME + FRAME
    pcm = np.ascontiguousarray(np.concatenate([pcm, np.zeros((pad, 2), np.float32)]), np.float32)
    packets, room = [], ctypes.create_string_buffer(1275)
    try:
        _lib.opus_encoder_ctl(ctypes.c_void_p(encoder), SET_BITRATE, ctypes.c_int32(bitrate))
        _lib.opus_encoder_ctl(ctypes.c_void_p(encoder), SET_COMPLEXITY, ctypes.c_int32(complexity))
        for start in range(0, len(pcm), FRAME):
            block = pcm[start:start + FRAME]
            n = _lib.opus_encode_float(encoder, block.ctypes.data_as(_FLOATS), FRAME, room, 1275)
            assert n > 0
            packets.append(room.raw[:n])
    finally:
        _lib.opus_encoder_destroy(encoder)
    return packets
