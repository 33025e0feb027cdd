/// One request to somebody else's machine.
public struct OutboundRequest: Sendable {
    public var url: OutboundURL
    public var method: String
    /// All headers but `host` and `content-length`, which the client writes.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// A certificate and its key, in PEM, that a server who asks for one is shown.
    public var certificate: String?
    /// How long all of it may take, the answer's body included.
    public var timeout: Duration
    /// The bytes of the answer's body that are kept.
    public var mostAnswer = 16 << 10

    public init(
        url: OutboundURL, method: String = "POST", headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(15)
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// What came of a request: an answer, or why there is none; and how long each part took.
public struct OutboundResult: Sendable {
    public var answer: OutboundAnswer?
    public var failure: OutboundFailure?
    public var timings = OutboundTimings()
    /// The address that was dialled.
    public var peer: String?

    public init(answer: OutboundAnswer? = nil, failure: OutboundFailure? = nil) {
        self.answer = answer
        self.failure = failure
    }
}

/// An answer whose head came within the time.
public struct OutboundAnswer: Sendable {
    public var status: Int
    public var headers: [(name: String, value: String)]
    /// The body as sent: the first 16 KiB, or as many as the request asks for.
    public var body: [UInt8]
    /// Why the body is not whole; nil if it is, or only longer than what is kept.
    public var cut: Cut?

    /// Why a body was not read to its end.
    public enum Cut: String, Sendable {
        /// Longer than what is read.
        case size
        /// It was still coming at the deadline.
        case time
        /// The connection ended before the body did.
        case connection
    }

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = [], cut: Cut? = nil) {
        self.status = status
        self.headers = headers
        self.body = body
        self.cut = cut
    }

    /// The first header of a name, in lower case.
    public subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
}

/// Why there is no answer.
public struct OutboundFailure: Error, Sendable, Equatable {
    /// The kind; bounded, so that it can label a metric.
    public enum Code: String, Sendable, CaseIterable {
        case dns
        case blockedAddress = "blocked_address"
        case connectRefused = "connect_refused"
        case connectTimeout = "connect_timeout"
        case connect
        case certificate = "tls_cert"
        case tls
        case reset
        case headerTimeout = "header_timeout"
        case headersTooLarge = "headers_too_large"
        case malformed = "malformed_answer"
        case notSent = "not_sent"
        case cancelled
        /// A mail server will never take it.
        case refused
        /// A mail server may take it later.
        case deferred
        /// A mail server does not know who sends.
        case login
    }

    public let code: Code
    /// For people; no address that was found behind a name.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the request may have arrived all the same.
    public var mayHaveArrived: Bool {
        switch code {
        case .reset, .headerTimeout, .headersTooLarge, .malformed, .cancelled: true
        default: false
        }
    }
}

/// How long the parts of a request took, in microseconds; nil for what it did without.
public struct OutboundTimings: Sendable, Equatable {
    public var dns: Int64?
    public var connect: Int64?
    public var tls: Int64?
    /// From the beginning to the answer's head.
    public var firstByte: Int64?
    public var total: Int64 = 0

    public init() {}
}

/// Sends requests; tests put something else in its place.
public protocol OutboundSending: Sendable {
    /// Sends once, within the request's time; never twice, never elsewhere than told.
    func send(_ request: OutboundRequest) async -> OutboundResult
}
