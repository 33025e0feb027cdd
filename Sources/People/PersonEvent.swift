public import Model

/// Something a person did.
public struct PersonEvent: JSONWritable, Equatable {
    public let seq: Int64
    /// The id as it was sent, or the one made for it.
    public let eventID: String
    /// The identity as it came.
    public let identity: String
    /// The person that the identity belongs to now.
    public let personID: PersonID
    public let event: String
    public let timestamp: Timestamp
    public let receivedAt: Timestamp
    /// A JSON object, its tokens as they were sent.
    public let properties: [UInt8]

    /// `{"seq","event_id","identity","person_id","event","timestamp","received_at","properties"}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"seq\":")
        out.append(json: seq)
        out.append(utf8: ",\"event_id\":")
        out.append(json: eventID)
        out.append(utf8: ",\"identity\":")
        out.append(json: identity)
        out.append(utf8: ",\"person_id\":")
        out.append(json: personID.text)
        out.append(utf8: ",\"event\":")
        out.append(json: event)
        out.append(utf8: ",\"timestamp\":")
        out.append(json: timestamp)
        out.append(utf8: ",\"received_at\":")
        out.append(json: receivedAt)
        out.append(utf8: ",\"properties\":")
        out.append(contentsOf: properties.isEmpty ? Array("{}".utf8) : properties)
        out.append(0x7d)
    }
}
