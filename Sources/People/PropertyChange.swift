public import Model

/// A value set on a person at a time.
public struct PropertyChange: JSONWritable, Equatable {
    public let seq: Int64
    public let timestamp: Timestamp
    /// The identity that it was set on.
    public let identity: String
    public let name: String
    /// The JSON token as it was sent; `null` takes the property away.
    public let value: [UInt8]

    /// Whether the change takes the property away.
    public var isUnset: Bool { value == Array("null".utf8) }

    /// `{"seq","timestamp","identity","property","value"}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"seq\":")
        out.append(json: seq)
        out.append(utf8: ",\"timestamp\":")
        out.append(json: timestamp)
        out.append(utf8: ",\"identity\":")
        out.append(json: identity)
        out.append(utf8: ",\"property\":")
        out.append(json: name)
        out.append(utf8: ",\"value\":")
        out.append(contentsOf: value)
        out.append(0x7d)
    }
}

/// Which value of a property's history is meant. The history's order is time, then commit order.
public enum PropertyMoment: Sendable, Equatable {
    /// The first value that the person ever had.
    case first
    /// The current value.
    case last
    /// The value that held at that moment: the latest change at or before it.
    case at(Timestamp)
}
