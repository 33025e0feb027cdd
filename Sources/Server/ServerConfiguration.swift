public import Connectors
public import Logging

/// Everything that a server is told from outside. Nothing below it reads the environment.
public struct ServerConfiguration: Sendable {
    /// A host and a port to listen on.
    public struct Address: Sendable, Equatable {
        public var host: String
        /// 0 takes any free port; `SluiceServer.port` says which.
        public var port: Int

        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }

        /// Reads `host:port`, `[v6]:port` or `:port`; nil if it is none of these.
        public init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port)
            else { return nil }
            var host = String(text[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            self.init(host: host.isEmpty ? "0.0.0.0" : host, port: port)
        }
    }

    /// Whether keys and data would cross a network as plain text: not within the machine, and not by TLS.
    public var isExposed: Bool {
        guard let listen, tls == nil else { return false }
        let host = listen.host.lowercased()
        return host != "localhost" && host != "::1" && !host.hasPrefix("127.")
    }

    /// The data folder, made by `sluice init`.
    public var dataDirectory: String
    /// Where TCP is listened on; nil for none (the socket in the data folder alone).
    public var listen: Address? = Address()
    /// Whether TCP is served by TLS, and with which files; nil for plain HTTP.
    public var tls: TLSFiles?
    /// Whether `DIR/sluice.sock` is listened on.
    public var listensOnSocket = true
    public var logLevel: Logger.Level = .info

    /// A request's body as sent, in bytes.
    public var requestBytes = 1 << 20
    /// A request's body decompressed, in bytes.
    public var decompressedBytes = 16 << 20
    /// Connections without traffic are closed after that many seconds.
    public var idleSeconds: Int64 = 75
    /// How long a request's body may take to come; over it, the answer is 408.
    public var bodyWait: Duration = .seconds(30)
    /// How long an import may go without a byte of its file before it ends.
    public var importWait: Duration = .seconds(30)
    /// How long a graceful shutdown waits for bodies that are still to come.
    public var bodyGrace: Duration = .seconds(5)
    /// Connections that may wait to be accepted.
    public var connectionBacklog = 1024

    /// Bytes that may wait for the journal's writer, per project; over it, collection answers 503.
    public var queueBytes = 64 << 20
    /// Bytes that the applier may be behind, per project; over it, collection answers 503.
    public var backlogBytes: Int64 = 16 << 30
    /// A segment of the journal, in bytes.
    public var segmentBytes: Int64 = 128 << 20

    /// How long a read waits for the applier to reach the `seq` that it pinned.
    public var readWait: Duration = .seconds(10)
    /// How long a report may take, its time of waiting for others included; over it, the answer is 504.
    public var reportTime: Duration = .seconds(60)
    /// Exports that run at once; the others wait.
    public var exportsAtOnce = 2
    /// The engine's memory limit per project, in bytes.
    public var engineMemory: Int64 = 600 << 20
    /// The same while rows are exported as they lie and nothing else goes on.
    public var passingMemory: Int64 = 200 << 20
    /// Whether it is there for one export alone, and leaves what can wait to others.
    public var isBrief = false
    /// Rows of a project's hot tables at which they become a cold file; nil for the store's own choice.
    public var hotRows: Int64?
    /// The engine's threads; nil for one a core.
    public var engineThreads: Int?

    /// How long a shutdown may take. What still runs shortly before is cancelled, and at the end the process ends; nil to wait however
    /// long, in tests, where many servers share the processors and one process.
    public var shutdownSeconds: Int64? = 60
    /// Whether SIGTERM and SIGINT shut the server down (not in tests, nor inside another program).
    public var handlesSignals = false
    /// Private ranges that webhooks may go to all the same, over plain HTTP, too.
    public var allowPrivate: [AddressRange] = []
    /// What references to secrets may name, of actions and of pipelines that came by a key.
    public var secrets = SecretResolver(environmentPrefix: "SLUICE_SECRET_")
    /// The key that secrets are sealed with, 32 bytes in base 64; nil for the one in the data folder.
    public var masterKey: String?
    /// A file of further roots that webhooks' receivers are trusted by, in PEM.
    public var outboundRoots: String?
    /// How long timers are held where the machine's clock leaps ahead by more than five minutes; zero for not at all.
    public var timerHold: Duration = .seconds(300)
    /// Whether webhooks are sent; not by a server that ends with a command.
    public var delivers = true
    /// Folders below which pipelines may write files.
    public var allowFolders: [String] = []
    /// The program that pipelines build models with, and the folders below which its projects lie.
    public var dbtProgram: String?
    public var dbtFolders: [String] = []
    /// Whether pipelines run by their schedules; not by a server that ends with a command.
    public var followsSchedules = true
    /// Whether the rules of retention are applied day by day; not by a server that ends with a command.
    public var keepsRetention = true
    /// Whether `POST /echo` is there: reads the body and answers 200, the baseline of benchmarks.
    public var benchmark = false

    /// Where the server is reached from outside, without a slash at its end; links to files begin with it.
    public var publicURL: String?

    #if TEST_CLOCK
        /// Whether `POST /v1/test/clock` is there.
        public var hasTestClock = false
    #endif

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

    /// The folder's path without a slash at its end.
    var directory: String {
        var path = Substring(dataDirectory)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }

    /// The socket in the data folder.
    public static func socketPath(in directory: String) -> String { directory + "/sluice.sock" }
}
