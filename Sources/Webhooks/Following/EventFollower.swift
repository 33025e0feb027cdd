internal import Connectors
public import EventStore
public import Journal
public import Logging
internal import Model
internal import Triggers

/// Follows a project's journal by `seq` and puts each event into the outbox that an endpoint wants, together with how far it came: one
/// transaction. It does not wait for the store, but for a moment where nobody knows yet whose an identity is.
public struct EventFollower: Sendable {
    /// The name under which the journal knows this follower.
    public static let name = "webhooks"

    let project: String
    let journal: Journal
    let sender: Sender
    let persons: PersonFinder
    private let names: NameFormFinder
    let still: StillFinder
    private let store: EventStore
    /// Everything up to this was looked at, and what came of it is written.
    let passed = Signal(-1)
    let logger: Logger

    public init(
        project: String, journal: Journal, store: EventStore, sender: Sender,
        segments: any SegmentSource = NoSegments(), logger: Logger
    ) {
        self.project = project
        self.journal = journal
        self.sender = sender
        self.logger = logger
        self.store = store
        persons = PersonFinder(store: store, segments: segments)
        names = NameFormFinder(store: store)
        still = StillFinder(project: project, store: store, segments: segments, sender: sender, logger: logger)
    }

    /// Follows until the task is cancelled or the journal is closed, and runs what is due.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepTimers() }
            group.addTask { await self.keepAsking() }
            await self.keepFollowing()
            group.cancelAll()
        }
    }

    private func keepFollowing() async {
        var pause = Duration.milliseconds(100)
        while !Task.isCancelled {
            let listening = sender.listening(of: project)
            guard !listening.isEmpty, listening.change >= 0 else {
                // Nothing is kept for it: whoever is made later starts where the journal is then.
                if listening.change >= 0 { journal.unregister(follower: Self.name) }
                await sender.waitForChange(since: listening.change)
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
        let looker = TriggerLooker(store: store)
        var listeners = EventListeners(sender.listening(of: project))
        while !Task.isCancelled {
            let listening = sender.listening(of: project)
            guard !listening.isEmpty else { return .again }
            looker.begin(change: listening.change)
            if !listening.triggers.rules.isEmpty, !listening.triggers.isSeeded {
                try await TriggerSeed(project: project, store: store, sender: sender).plant(upTo: seq)
                continue
            }
            if journal.durableSeq <= seq {
                if looker.hasHeard {
                    if try await !submit([], [], listening, looker, seq) { try await sender.reload() }
                    continue
                }
                if seq > noted.seq, try await note(seq) { noted = (seq, .now) }
                passed.raise(to: seq)
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
            let reached = max(piece.lastSeq, seq)
            // Others may listen by now.
            let current = sender.listening(of: project)
            if listeners.change != current.change { listeners = EventListeners(current) }
            let (messages, items) = try await look(piece, current, listeners, looker)
            if messages.isEmpty, items.isEmpty, !looker.hasHeard || ContinuousClock.now - noted.at < .seconds(1) {
                // What nobody wants is not worth a sync each time.
                seq = reached
                if !looker.hasHeard { passed.raise(to: seq) }
                if ContinuousClock.now - noted.at > .seconds(1), try await note(seq) { noted = (seq, .now) }
                continue
            }
            guard try await submit(messages, items, looker.listening, looker, reached) else {
                // Endpoints or triggers were changed meanwhile: the same events are looked at again, by those that there are now.
                try await sender.reload()
                source = JournalSource(journal, after: seq)
                continue
            }
            seq = reached
            noted = (seq, .now)
            journal.release(follower: Self.name, upTo: seq)
            passed.raise(to: seq)
        }
        return .over
    }

    /// Writes what was found and how far that was.
    private func submit(
        _ messages: [OutboxMessage], _ items: [TriggerItem], _ listening: Listening, _ looker: TriggerLooker,
        _ seq: Int64
    ) async throws -> Bool {
        var batch = OutboxBatch(project: project, change: listening.change, messages: messages, checkpoint: seq)
        if !items.isEmpty || looker.hasHeard {
            var work = TriggerWork(triggers: listening.triggers, items: items)
            work.heard = looker.heard
            batch.triggers = work
        }
        guard try await sender.submit(batch) else { return false }
        looker.forgetHeard()
        return true
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

    /// What endpoints and triggers want of a piece.
    private func look(
        _ piece: JournalPiece, _ listening: Listening, _ listeners: EventListeners, _ looker: TriggerLooker
    ) async throws -> (messages: [OutboxMessage], items: [TriggerItem]) {
        looker.begin(change: listening.change)
        looker.listening = listening
        let rules = listening.triggers.rules
        let forms = try await names.forms(of: NameForms.Names(in: piece, isWhole: !rules.isEmpty))
        var wanted = listeners.match(piece, forms: forms)
        var items = rules.isEmpty ? [] : try await looker.items(of: piece, rules, forms: forms)
        if !wanted.isEmpty { try await persons.find(&wanted, upTo: piece.lastSeq, include: listeners.includes) }
        if !items.isEmpty {
            // What starts a wait can be told later whose it is; what fires now cannot.
            let fires = items.contains { item in
                item.interests.contains { interest in
                    if case .absence(let absence) = rules.rules[interest.rule].when {
                        absence.firesAtOnce && interest.role == .starts
                    } else {
                        interest.role != .ends
                    }
                }
            }
            let asked = Array(Set(items.lazy.filter { !$0.interests.isEmpty }.map { ExactText($0.identity) })).map(
                \.text)
            let found = try await persons.persons(of: asked, upTo: piece.lastSeq, isPatient: fires)
            for place in items.indices { items[place].person = found[ExactText(items[place].identity)]?.number }
        }
        return (wanted.flatMap { $0.messages(project: project) }, items)
    }
}
