internal import Crypto

/// A bucket of AWS or of whoever speaks the same, and who asks for it.
public struct S3Place: Sendable {
    public var endpoint: OutboundURL
    public var bucket: String
    public var region: String
    public var accessKey: String
    public var secretKey: String
    public var sessionToken: String?
    /// Whether the bucket is the first part of the path; else it is a part of the host's name.
    public var isInPath: Bool

    public init(
        endpoint: OutboundURL, bucket: String, region: String, accessKey: String, secretKey: String,
        sessionToken: String? = nil, isInPath: Bool
    ) {
        self.endpoint = endpoint
        self.bucket = bucket
        self.region = region
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.isInPath = isInPath
    }
}

/// What a bucket has under a key.
public struct S3Object: Sendable, Equatable {
    public var key: String
    public var bytes: Int64
    /// Without quotes.
    public var tag: String
}

/// Speaks to one bucket, through a client that judges addresses. Each request is tried again a few times where that helps.
public struct S3Client: Sendable {
    public let place: S3Place
    let http: any OutboundSending
    /// Before each further attempt.
    let pauses: [Duration]
    let seconds: @Sendable () -> Int64
    private let signature: SignatureV4

    public init(
        _ place: S3Place, http: any OutboundSending,
        pauses: [Duration] = [.milliseconds(200), .seconds(1), .seconds(3)],
        seconds: @escaping @Sendable () -> Int64 = SystemTime.seconds
    ) {
        self.place = place
        self.http = http
        self.pauses = pauses
        self.seconds = seconds
        signature = SignatureV4(
            accessKey: place.accessKey, secretKey: place.secretKey, sessionToken: place.sessionToken,
            region: place.region)
    }

    /// The host that is asked, for people.
    public var host: String { place.endpoint.host }

    struct Answer {
        let status: Int
        let answer: OutboundAnswer
        var document: S3Document { S3Document(answer.body) }
        var tag: String { (answer["etag"] ?? "").filter { $0 != "\"" } }
    }

    /// One request, tried again as often as there are pauses; answers that are neither success nor among `expected` are errors.
    func ask(
        _ method: String, _ key: String?, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], body: [UInt8] = [], most: Int = 64 << 10,
        expected: Set<Int> = []
    ) async throws(ConnectorError) -> Answer {
        var left = pauses[...]
        while true {
            do throws(ConnectorError) {
                return try await once(method, key, query, headers, body, most, expected)
            } catch {
                guard error.isTransient, error.code == .unreachable, let pause = left.popFirst(), !Task.isCancelled
                else { throw error }
                do { try await Task.sleep(for: pause) } catch { throw Self.cancelled }
            }
        }
    }

    private static let cancelled = ConnectorError(.unreachable, "it was cut off", isTransient: true)

    private func once(
        _ method: String, _ key: String?, _ query: [(name: String, value: String)],
        _ headers: [(name: String, value: String)], _ body: [UInt8], _ most: Int, _ expected: Set<Int>
    ) async throws(ConnectorError) -> Answer {
        let url = try url(key, query)
        let payload = Hex.text(SHA256.hash(data: body))
        let path = String(url.target.prefix { $0 != "?" })
        let signed = signature.headers(
            method: method, host: url.authority, path: path, query: query, headers: headers, payload: payload,
            seconds: seconds())
        // A part of some megabytes may take a while on a slow line.
        var request = OutboundRequest(
            url: url, method: method, headers: signed + [("user-agent", "sluice")], body: body, timeout: .seconds(300))
        request.mostAnswer = most
        let result = await http.send(request)
        guard let answer = result.answer, answer.cut == nil else {
            let failure = result.failure
            throw ConnectorError(
                failure?.code == .blockedAddress ? .blockedAddress : .unreachable,
                failure?.message ?? "\(host) did not answer to the end", isTransient: true)
        }
        guard (200..<300).contains(answer.status) || expected.contains(answer.status) else {
            throw refusal(answer)
        }
        return Answer(status: answer.status, answer: answer)
    }

    private func url(_ key: String?, _ query: [(name: String, value: String)]) throws(ConnectorError) -> OutboundURL {
        var target = place.endpoint.target.hasSuffix("/") ? place.endpoint.target : place.endpoint.target + "/"
        let host = place.isInPath ? place.endpoint.authority : "\(place.bucket).\(place.endpoint.authority)"
        if place.isInPath { target += PercentText.encoded(place.bucket) + (key == nil ? "" : "/") }
        if let key { target += PercentText.encoded(key, keepsSlashes: true) }
        if !query.isEmpty { target += "?" + SignatureV4.query(query) }
        return try OutboundURL("\(place.endpoint.isSecure ? "https" : "http")://\(host)\(target)")
    }

    /// What an answer that is no success says, and whether it may be another one later.
    func refusal(_ answer: OutboundAnswer) -> ConnectorError {
        let document = S3Document(answer.body)
        let code = document["Code"] ?? ""
        var text = "\(host) answered \(answer.status)"
        if !code.isEmpty { text += " (\(code.prefix(60)))" }
        if let said = document["Message"], !said.isEmpty { text += ": \(said.prefix(200))" }
        if let region = answer["x-amz-bucket-region"], region != place.region {
            text += "; the bucket is in the region \(region.prefix(40)), and the settings say \(place.region)"
        }
        let passing = ["SlowDown", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "InternalError"]
        let status = answer.status
        let isTransient =
            status >= 500 && status != 501 || status == 408 || status == 425 || status == 429 || passing.contains(code)
            || code == "RequestTimeTooSkewed"
        return ConnectorError(isTransient ? .unreachable : .refused, text, isTransient: isTransient)
    }
}
