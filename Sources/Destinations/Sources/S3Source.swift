public import Connectors

/// An object of a bucket: CSV with a header, NDJSON or Parquet, packed or not.
public struct S3Source: Source {
    public static let kind = "s3"
    public static let fields =
        S3Settings.fields.filter { $0.name != "prefix" } + [
            Field("key", .text, isRequired: true, help: "the object's key"), SourceFormat.field,
            PlainText.field,
        ]

    private let client: S3Client
    private let key: String
    private let format: String
    private let ending: String

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        let place = try S3Settings.place(settings)
        try tools.policy.check(place.endpoint)
        try PlainText.check(place.endpoint, settings, tools)
        client = S3Client(place, http: tools.http)
        key = settings.text("key") ?? ""
        (format, ending) = try SourceFormat.of(key, settings)
    }

    public var location: String { "s3:\(client.host)/\(client.place.bucket)/\(key)" }

    public func fetch(into folder: String, as name: String) async throws(ConnectorError)
        -> FetchedFile
    {
        let path = "\(folder)/\(name)\(ending)"
        guard let object = try await client.head(key) else {
            throw ConnectorError(
                .unreachable, "there is no \(key) in \(client.place.bucket)", isTransient: true)
        }
        try await blocking { try FilePieces.begin(path) }
        try await client.read(object) { (piece) async throws(ConnectorError) in
            try await blocking { try FilePieces.append(piece, to: path) }
        }
        return FetchedFile(path: path, format: format)
    }
}
