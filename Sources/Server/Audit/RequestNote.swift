internal import Control
internal import EventStore
internal import Synchronization

/// What becomes known of a request while it is answered, for the audit and the answer's head. One for each request; whoever answers
/// adds to it.
final class RequestNote: Sendable {
    struct State: Sendable {
        /// Whose key it was, even where it does not open what was asked for.
        var caller: Caller?
        var rate: TokenBucket.State?
        var body: [UInt8]?
        var columns: Set<String> = []
        var dataset: String?
        var rows: Int64?
        var made: String?
    }

    private let content = Mutex(State())

    var state: State { content.withLock { $0 } }
    var rate: TokenBucket.State? { content.withLock { $0.rate } }

    func called(by caller: Caller) { content.withLock { $0.caller = caller } }
    func counted(_ rate: TokenBucket.State) { content.withLock { $0.rate = rate } }
    /// The request's document.
    func asked(_ body: [UInt8]) { content.withLock { $0.body = body } }
    /// Columns that the answer has, or by which its rows are chosen or sorted.
    func used(_ needs: Set<ColumnNeed>) { content.withLock { $0.columns.formUnion(needs.map(\.text)) } }
    func of(_ dataset: String) { content.withLock { $0.dataset = dataset } }
    /// How many rows the answer has.
    func rows(_ count: some BinaryInteger) { content.withLock { $0.rows = Int64(count) } }
    /// The id of what was made.
    func made(_ id: String) { content.withLock { $0.made = id } }
}
