public import Model

/// Events that one person did without a long break.
public struct Session: JSONWritable, Equatable {
    public let start: Timestamp
    public let end: Timestamp
    /// How many events it has; there may be fewer in `events`.
    public let eventsTotal: Int64
    /// The events, oldest first: of a long session the first `mostEvents`.
    public var events: [PersonEvent]

    /// The most events of a session that are shown.
    public static let mostEvents = 200
    /// The most sessions of a page.
    public static let mostSessions = 100

    /// `{"start","end","duration_s","events_total","events":[…]}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"start\":")
        out.append(json: start)
        out.append(utf8: ",\"end\":")
        out.append(json: end)
        out.append(utf8: ",\"duration_s\":")
        out.append(json: (end.microseconds - start.microseconds) / 1_000_000)
        out.append(utf8: ",\"events_total\":")
        out.append(json: eventsTotal)
        out.append(utf8: ",\"events\":[")
        for (i, event) in events.enumerated() {
            if i > 0 { out.append(0x2c) }
            event.write(to: &out)
        }
        out.append(utf8: "]}")
    }
}
