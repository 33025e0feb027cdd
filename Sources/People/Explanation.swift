public import Model

/// Whether a part of a condition holds of a person, and what was found.
public struct Explanation: JSONWritable, Equatable {
    /// Where the part is: `segment.all[1]`.
    public let path: String
    /// Whether it holds.
    public let holds: Bool
    /// What was asked; nil where the parts say it.
    public let condition: JSONValue?
    /// How many events counted.
    public let count: Int64?
    /// The property's value that was compared; nil if there was none, or several.
    public let value: [UInt8]?
    public let parts: [Explanation]

    /// `{"path","holds","condition"?,"count"?,"value"?,"parts"?}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"path\":")
        out.append(json: path)
        out.append(contentsOf: Array(",\"holds\":\(holds)".utf8))
        if let condition {
            out.append(utf8: ",\"condition\":")
            condition.write(to: &out)
        }
        if let count {
            out.append(utf8: ",\"count\":")
            out.append(json: count)
        }
        if let value {
            out.append(utf8: ",\"value\":")
            out.append(contentsOf: value)
        }
        if !parts.isEmpty {
            out.append(utf8: ",\"parts\":[")
            for (i, part) in parts.enumerated() {
                if i > 0 { out.append(0x2c) }
                part.write(to: &out)
            }
            out.append(0x5d)
        }
        out.append(0x7d)
    }
}
