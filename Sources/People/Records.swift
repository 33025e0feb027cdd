public import Model

/// Two identities that were said to be one person.
public struct AliasRecord: JSONWritable, Equatable {
    public let seq: Int64
    public let timestamp: Timestamp
    public let identity: String
    public let other: String
    /// Whether an SDK's identify implied it and nobody asked for it.
    public let derived: Bool
    /// The `seq` that took it back; nil while it ties.
    public let undoneSeq: Int64?

    /// `{"seq","timestamp","identity","other","derived","undone_seq"}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"seq\":")
        out.append(json: seq)
        out.append(utf8: ",\"timestamp\":")
        out.append(json: timestamp)
        out.append(utf8: ",\"identity\":")
        out.append(json: identity)
        out.append(utf8: ",\"other\":")
        out.append(json: other)
        if derived { out.append(utf8: ",\"derived\":true") } else { out.append(utf8: ",\"derived\":false") }
        out.append(utf8: ",\"undone_seq\":")
        out.append(json: undoneSeq)
        out.append(0x7d)
    }
}

/// An input that was refused, kept with its reason.
public struct RejectRecord: JSONWritable, Equatable {
    public let seq: Int64
    public let receivedAt: Timestamp
    /// The wire protocol's name.
    public let wire: String
    public let reason: String
    /// The input as it came.
    public let raw: String

    /// `{"seq","received_at","protocol","reason","raw"}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"seq\":")
        out.append(json: seq)
        out.append(utf8: ",\"received_at\":")
        out.append(json: receivedAt)
        out.append(utf8: ",\"protocol\":")
        out.append(json: wire)
        out.append(utf8: ",\"reason\":")
        out.append(json: reason)
        out.append(utf8: ",\"raw\":")
        out.append(json: raw)
        out.append(0x7d)
    }
}
