public import Model
internal import Synchronization

/// Since when what streams wait with waits, as far as they have read.
public final class StreamBook: Sendable {
    private let waiting = Mutex<[Int64: Timestamp]>([:])

    init() {}

    /// When the oldest event came that a stream has not delivered; nil if it waits with none.
    public func oldest(_ endpoint: Int64) -> Timestamp? { waiting.withLock { $0[endpoint] } }

    func note(_ endpoint: Int64, _ oldest: Timestamp?) { waiting.withLock { $0[endpoint] = oldest } }
}
