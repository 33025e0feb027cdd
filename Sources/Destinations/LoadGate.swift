public import Connectors
internal import Synchronization
internal import Threads

/// Where a load waits whose rows are still looked at while they are sent.
///
/// Before it nothing is done that others see, and nothing that leaves a trace when it is taken back: rows go no further than into a
/// table that the load's own transaction has made.
public final class LoadGate: Sendable {
    private let isOpen = Mutex<Bool?>(nil)
    private let letIn = Mutex<Int64?>(nil)
    private let decided = SystemSemaphore()

    public init() {}

    /// The rows are as they should be, and so many.
    public func open(rows: Int64) {
        letIn.withLock { $0 = rows }
        decide(true)
    }

    /// How many rows there are, once that is known.
    var rows: Int64? { letIn.withLock { $0 } }

    /// They are not, or nobody will say; nothing if the gate is open already.
    public func close() { decide(false) }

    private func decide(_ answer: Bool) {
        let isFirst = isOpen.withLock { isOpen -> Bool in
            defer { isOpen = isOpen ?? answer }
            return isOpen == nil
        }
        if isFirst { decided.post() }
    }

    /// Blocks until it is decided, and goes on if it may.
    func pass() throws(ConnectorError) {
        decided.wait()
        // For whoever asks next.
        decided.post()
        guard isOpen.withLock({ $0 }) == true else {
            throw ConnectorError(.unreachable, "the rows were not let pass", isTransient: true)
        }
    }
}

/// A destination that can be sent rows while they are still looked at.
public protocol GatedDestination: Destination {
    /// Loads a batch, and waits at the gate before it does what others see. Whoever cancels the task closes the gate, too.
    func load(_ batch: LoadBatch, behind gate: LoadGate) async throws(ConnectorError) -> LoadReceipt
}
