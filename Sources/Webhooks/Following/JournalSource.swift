internal import Dispatch
internal import Journal

/// Frames of the journal that were read at once.
struct JournalPiece: Sendable {
    let frames: [JournalFrame]
    let lastSeq: Int64
}

/// Reads the journal on a queue of its own, since it blocks.
struct JournalSource {
    private let box: ReaderBox
    private static let queue = DispatchQueue(label: "sluice.webhooks.journal", attributes: .concurrent)
    private static let bytes = 512 << 10

    init(_ journal: Journal, after seq: Int64) { box = ReaderBox(journal, seq) }

    func next() async throws(JournalError) -> JournalPiece {
        let result: Result<JournalPiece, JournalError> = await withCheckedContinuation { continuation in
            Self.queue.async { [box] in continuation.resume(returning: box.next(Self.bytes)) }
        }
        return try result.get()
    }
}

private final class ReaderBox: @unchecked Sendable {
    // One job after the other uses it: the follower waits for each.
    private let journal: Journal
    private var seq: Int64
    private var reader: JournalReader?

    init(_ journal: Journal, _ seq: Int64) {
        self.journal = journal
        self.seq = seq
    }

    func next(_ bytes: Int) -> Result<JournalPiece, JournalError> {
        do throws(JournalError) {
            // What is durable now and gives no frame is a `seq` that was left out.
            let durable = journal.durableSeq
            if reader == nil { reader = try journal.makeReader(after: seq) }
            let frames = try reader?.next(maxBytes: bytes) ?? []
            seq = frames.last?.lastSeq ?? max(seq, durable)
            return .success(JournalPiece(frames: frames, lastSeq: seq))
        } catch {
            reader = nil
            return .failure(error)
        }
    }
}
