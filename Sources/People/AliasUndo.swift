public import Model

/// What taking an alias back comes to.
public enum AliasUndo: Sendable, Equatable {
    /// The alias ties; writing this item to the journal takes it back.
    case write(Item)
    /// It was taken back before; nothing is to be written.
    case undone(by: Int64)
    /// There is no such alias.
    case unknown

    /// Judges the alias that was found for a `seq`.
    public init(_ alias: AliasRecord?, at now: Timestamp) {
        guard let alias else {
            self = .unknown
            return
        }
        if let undone = alias.undoneSeq {
            self = .undone(by: undone)
            return
        }
        var item = Item(kind: .undo, wire: .native, timestamp: now, receivedAt: now)
        item.name = Array(String(alias.seq).utf8)
        self = .write(item)
    }
}
