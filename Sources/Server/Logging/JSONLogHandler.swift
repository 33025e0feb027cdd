internal import Glibc
public import Logging
internal import Model

/// Writes log lines to standard error, each a JSON object: `time`, `level`, `message`, then the metadata.
///
/// ```json
/// {"time":"2026-01-02T03:04:05.678901Z","level":"info","message":"listening","address":"127.0.0.1:8080"}
/// ```
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String

    public init(label: String, level: Logger.Level = .info) {
        self.label = label
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        render(event, at: SystemClock.now(), into: &line)
        line.append(0x0a)
        // One write a line, so that lines of different threads do not mix (they are shorter than a pipe's buffer).
        unsafe line.withUnsafeBytes { bytes in
            // The buffer lives for the call.
            _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }

    /// Appends the event as a JSON object.
    func render(_ event: LogEvent, at time: Timestamp, into out: inout [UInt8]) {
        var members: [JSONValue.Member] = [
            .init("time", .string(time.text)), .init("level", .string(event.level.rawValue)),
            .init("logger", .string(label)), .init("message", .string(event.message.description)),
        ]
        if let error = event.error { members.append(.init("error", .string(String(describing: error)))) }
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            // Hummingbird's name for it is a detail.
            members.append(.init(key == "hb.request.id" ? "request_id" : key, Self.json(value)))
        }
        JSONValue.object(members).write(to: &out)
    }

    private static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value):
            switch value {
            case let number as any BinaryInteger: .number(String(describing: number))
            case let truth as Bool: .bool(truth)
            default: .string(value.description)
            }
        case .dictionary(let members):
            .object(members.sorted { $0.key < $1.key }.map { .init($0.key, json($0.value)) })
        case .array(let elements): .array(elements.map(json))
        }
    }
}

extension Logger {
    /// The server's logger: JSON lines on standard error.
    public static func sluice(level: Logger.Level = .info) -> Logger {
        Logger(label: "sluice") { JSONLogHandler(label: $0, level: level) }
    }
}
