"""streamframes.py FILE [FIRST REST]: walks the frames of a flow stream (goflow-stream(5)) and prints how many records they hold, how many bytes at
the end belong to no whole frame, how often sequence numbers are missing, and how often the frame behind such a gap does not
follow a schema frame. FIRST and REST are then written: the first half of its frames, and the others without schema frames."""
import struct
import sys

HEADER = struct.Struct("<4sBBHIIQ16sQI")
data = open(sys.argv[1], "rb").read()
at = records = gaps = bare = 0
expected, after_schema, frames = None, False, []
while at + HEADER.size <= len(data):
    mark, _, kind, _, payload, count, _, _, sequence, _ = HEADER.unpack_from(data, at)
    end = at + HEADER.size + payload + 4
    if mark != b"\x8eNFS" or end > len(data):
        break
    if kind == 1:
        records += count
        if expected is not None and sequence != expected:
            gaps += 1
            bare += not after_schema
        expected = sequence + 1
    after_schema = kind == 2
    frames.append((kind, data[at:end]))
    at = end
print(f"records={records} torn={len(data) - at} gaps={gaps} without_schema={bare}")
if len(sys.argv) > 2:
    half = len(frames) // 2
    open(sys.argv[2], "wb").write(b"".join(frame for _, frame in frames[:half]))
    open(sys.argv[3], "wb").write(b"".join(frame for kind, frame in frames[half:] if kind != 2))
