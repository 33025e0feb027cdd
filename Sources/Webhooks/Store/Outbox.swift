internal import Connectors
internal import Model

/// A message and whom it goes to.
struct OutboxMessage: Sendable {
    struct Target: Sendable {
        let endpoint: Int64
        /// Messages with the same go out one after another.
        let orderKey: String?
    }

    let id: String
    let type: String
    let variant: String
    let seq: Int64?
    let body: [UInt8]
    let targets: [Target]
    /// How many triggers led to it.
    var depth: Int64 = 0
    /// Whose it is, of what is of no event: by it an erasure finds it.
    var identity: String?
    /// Whose it is, for endpoints that ask for order, or come to.
    var whose: OrderKey?
}

/// What a follower found in a piece of a project's journal, to be written in one transaction with how far it was followed.
struct OutboxBatch: Sendable {
    let project: String
    /// The change of the endpoints by which the events were looked at.
    let change: Int64
    let messages: [OutboxMessage]
    /// Nil for what is not of the journal, such as timers.
    let checkpoint: Int64?
    /// What is evaluated by triggers.
    var triggers: TriggerWork?
}

/// A delivery of which an attempt is to be made, and is counted already.
struct ClaimedDelivery: Sendable {
    let number: Int64
    let endpoint: Int64
    let message: OutboundMessage
    /// Which attempt this is, from 1.
    let attempt: Int64
    /// Attempts that do not count.
    let forgiven: Int64
    let cause: String
}

/// What became of an attempt.
struct AttemptOutcome: Sendable {
    let claimed: ClaimedDelivery
    let at: Timestamp
    let url: String
    let result: OutboundResult
    let verdict: Verdict
    /// The endpoint's health after it; nil if it did not change.
    let health: EndpointHealth?
    let notice: EndpointHealth.Notice?
    /// Whether a subscription that is over is removed.
    let isHook: Bool
}

/// Everything that is to be written at once.
struct LedgerWork: Sendable {
    /// The change of the endpoints by which it was made; nil if that does not matter.
    var change: Int64?
    var batches: [OutboxBatch] = []
    var outcomes: [AttemptOutcome] = []
    /// Claimed deliveries of which no attempt was made after all.
    var released: [ClaimedDelivery] = []
    /// How many deliveries to claim for an endpoint, and whether a person's go one after another.
    var rooms: [(endpoint: Int64, count: Int, isOrdered: Bool)] = []

    /// Endpoints that take nothing now, or have others waiting already: what is put in for them is parked.
    var parks: Set<Int64> = []
    /// Of endpoints that may have any parked, the message from which on.
    var parkedFrom: [Int64: Int64] = [:]

    var isEmpty: Bool { batches.isEmpty && outcomes.isEmpty && released.isEmpty && rooms.isEmpty }
}

struct LedgerAnswer: Sendable {
    /// Whether each batch was written; those that were not were looked at by other endpoints than there are.
    var written: [Bool] = []
    var claimed: [ClaimedDelivery] = []
    /// The change of the endpoints by which they were claimed.
    var change: Int64 = -1
    /// Endpoints for which there may be more.
    var full: Set<Int64> = []
    /// Whether endpoints were changed by what is written.
    var hasChanged = false
    /// Endpoints that got something to send.
    var fed: Set<Int64> = []
    /// Endpoints for which what is put in is parked.
    var parks: Set<Int64> = []
    /// The first message that was parked for an endpoint.
    var parked: [Int64: Int64] = [:]
    /// Of endpoints for which parked deliveries were looked for, the message from which on there may be more; nil if there are none.
    var parkedFrom: [Int64: Int64?] = [:]
    /// Whether parked deliveries are still being looked for.
    var isScanning = false
    /// When the next timers of a project are due, of those that ask nothing and of those that ask; nil if none waits.
    var nextDue: [String: (plain: Timestamp?, asked: Timestamp?)] = [:]
}
