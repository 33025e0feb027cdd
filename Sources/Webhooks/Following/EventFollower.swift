internal import Connectors
internal import Dispatch
public import EventStore
public import Journal
public import Logging
internal import Model

/// Follows a project's journal by `seq` and puts each event into the outbox that an endpoint wants, together with how far it came: one
/// transaction. It does not wait for the store, but for a moment where nobody knows yet whose an identity is.
public struct EventFollower: Sendable {
    /// The name under which the journal knows this follower.
    public static let name = "webhooks"

    private let project: String
    private let journal: Journal
    private let sender: Sender
    private let persons: PersonFinder
    private let names: NameFormFinder
    private let logger: Logger

    public init(project: String, journal: Journal, store: EventStore, sender: Sender, logger: Logger) {
        self.project = project
        self.journal = journal
        self.sender = sender
        self.logger = logger
        persons = PersonFinder(store: store)
        names = NameFormFinder(store: store)
    }

    /// Follows until the task is cancelled or the journal is closed.
    public func run() async {
        var pause = Duration.milliseconds(100)
        while !Task.isCancelled {
            let (listeners, change) = sender.listeners(of: project)
            guard !listeners.isEmpty, change >= 0 else {
                // Nothing is kept for it: whoever is made later starts where the journal is then.
                if change >= 0 { journal.unregister(follower: Self.name) }
                await sender.waitForChange(since: change)
                if sender.hasEnded { return }
                continue
            }
            do {
                if try await follow() == .over { return }
                pause = .milliseconds(100)
            } catch {
                if Task.isCancelled || sender.hasEnded { return }
                logger.error(
                    "events do not reach the outbox, and are tried again", metadata: ["error": "\(error)"])
                do { try await Task.sleep(for: pause) } catch { return }
                pause = min(pause * 2, .seconds(10))
            }
        }
    }

    private enum Pause {
        /// The journal is closed, or the task cancelled.
        case over
        /// To be begun again: nobody listens now, or there was a gap.
        case again
    }

    /// Follows from the checkpoint while anybody listens.
    private func follow() async throws -> Pause {
        var seq = try await sender.store.checkpoint(project: project) ?? journal.durableSeq
        journal.register(follower: Self.name, at: seq)
        var source = JournalSource(journal, after: seq)
        var noted = (seq: seq, at: ContinuousClock.now)
        while !Task.isCancelled {
            if journal.durableSeq <= seq {
                if seq > noted.seq, try await note(seq) { noted = (seq, .now) }
                await journal.waitForDurable(after: seq)
                // Nothing new: the journal is closed, or the task cancelled.
                if journal.durableSeq <= seq { return .over }
            }
            let piece: JournalPiece
            do throws(JournalError) { piece = try await source.next() } catch {
                guard error.code == .behind else { throw error }
                try await skip(from: seq)
                return .again
            }
            let (listeners, change) = sender.listeners(of: project)
            guard !listeners.isEmpty else { return .again }
            let reached = max(piece.lastSeq, seq)
            let messages = try await messages(of: piece, for: EventListeners(listeners))
            if messages.isEmpty {
                // What nobody wants is not worth a sync each time.
                seq = reached
                if ContinuousClock.now - noted.at > .seconds(1), try await note(seq) { noted = (seq, .now) }
                continue
            }
            let batch = OutboxBatch(project: project, change: change, messages: messages, checkpoint: reached)
            guard try await sender.submit(batch) else {
                // Endpoints were changed meanwhile: the same events are looked at again, by those that there are now.
                try await sender.reload()
                source = JournalSource(journal, after: seq)
                continue
            }
            seq = reached
            noted = (seq, .now)
            journal.release(follower: Self.name, upTo: seq)
        }
        return .over
    }

    private func note(_ seq: Int64) async throws -> Bool {
        try await sender.store.note(seq, project: project)
        journal.release(follower: Self.name, upTo: seq)
        return true
    }

    /// What lay between is no longer in the journal: said aloud, and gone on after it.
    private func skip(from seq: Int64) async throws {
        let oldest = journal.status.oldestSeq ?? journal.durableSeq + 1
        logger.critical(
            "events were removed from the journal before they reached the outbox",
            metadata: ["from": "\(seq + 1)", "to": "\(oldest - 1)"])
        try await sender.store.note(oldest - 1, project: project)
    }

    private func messages(of piece: JournalPiece, for listeners: EventListeners) async throws -> [OutboxMessage] {
        let forms = try await names.forms(of: NameForms.Names(in: piece))
        var wanted = listeners.match(piece, forms: forms)
        guard !wanted.isEmpty else { return [] }
        try await persons.find(&wanted, upTo: piece.lastSeq, include: listeners.includes)
        return wanted.flatMap { $0.messages(project: project) }
    }
}

/// Frames of the journal that were read at once.
struct JournalPiece: Sendable {
    let frames: [JournalFrame]
    let lastSeq: Int64
}

/// Reads the journal on a queue of its own, since it blocks.
private struct JournalSource {
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
