/// Zeros written after the last frame of a segment, for small frames to overwrite.
///
/// A sync of a file that grew also writes its length and its new blocks, each with a write of its own. With single events a
/// frame is a few kilobytes, and that takes longer than the frame itself (measured: 140 µs, 97 µs into room). Large frames would
/// only be written twice. The room is synced with the frame before it, and readers pass over it: a frame's head is never zeros.
struct WrittenRoom {
    /// Frames up to this many bytes get room after them.
    static let largestFrame = 64 << 10

    /// Kept, since new memory would cost more than the writing.
    private static let zeros = [UInt8](repeating: 0, count: 128 << 10)

    /// The end of what was written; 0 if nothing was written ahead.
    private(set) var end: Int64 = 0
    /// The disk refused it; the segment goes on without.
    private var isRefused = false

    /// Writes room after a frame that goes beyond what there is. Nothing depends on it, so no failure of it fails the frame.
    mutating func extend(after frameEnd: Int64, frame: Int, _ descriptor: Int32, _ options: JournalOptions) {
        let wanted = min(frameEnd + Int64(options.roomBytes), options.segmentBytes)
        guard frame <= Self.largestFrame, frameEnd > end, wanted > frameEnd, !isRefused else { return }
        do throws(FileError) {
            var at = frameEnd
            while at < wanted {
                let count = min(Self.zeros.count, Int(wanted - at))
                try options.files.write(Self.zeros.span.extracting(0..<count), to: descriptor, at: at)
                at += Int64(count)
            }
            end = wanted
        } catch {
            isRefused = true
            try? options.files.truncate(descriptor, to: frameEnd)
        }
    }
}
