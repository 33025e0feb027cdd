public import Model

/// The zone of written times that name none.
public struct ImportZone: Sendable {
    private let resolve: @Sendable (WrittenTime) -> Timestamp?

    /// A zone by rules that the caller knows: the moment of a local time, or nil if the zone never shows it. A time with
    /// an offset of its own never gets there.
    public init(resolve: @escaping @Sendable (WrittenTime) -> Timestamp?) { self.resolve = resolve }

    /// A fixed offset in seconds east of UTC.
    public init(offsetSeconds: Int64) { resolve = { $0.timestamp(defaultOffset: offsetSeconds) } }

    public static let utc = ImportZone(offsetSeconds: 0)

    /// Reads `UTC`, `Z`, `+02:00` or `-0530`; nil for anything else, such as a name, which the caller resolves.
    public init?(fixed text: String) {
        if ["utc", "z", "gmt"].contains(text.lowercased()) {
            self = .utc
        } else if text.hasPrefix("+") || text.hasPrefix("-"), let time = WrittenTime("2000-01-01T00:00" + text),
            let offset = time.offsetSeconds
        {
            self.init(offsetSeconds: offset)
        } else {
            return nil
        }
    }

    /// The moment of a written time.
    func timestamp(_ written: WrittenTime) -> Timestamp? {
        written.offsetSeconds == nil ? resolve(written) : written.timestamp()
    }

    /// Reads RFC 3339, `YYYY-MM-DD HH:MM:SS[.f]`, a date alone, or epoch seconds.
    func read(_ text: Span<UInt8>) throws(Refusal) -> Timestamp {
        if text.count > 4, text[4] == 0x2d, let written = WrittenTime(text), written.offsetSeconds == nil {
            guard let time = timestamp(written), time.isInRange else {
                throw Refusal("timestamp is not a time of the given zone")
            }
            return time
        }
        return try ItemFields.timestamp(text, "timestamp")
    }
}
