import ArgumentParser
import Logging
import Server

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Collect events and answer questions over HTTP.",
        discussion: """
            Prints one line with its address when it is ready, then logs as JSON lines on standard error. SIGTERM and \
            Ctrl-C stop it gracefully: what was accepted is answered and written first.

            The environment says the same as the flags: SLUICE_DATA, SLUICE_LISTEN, SLUICE_LOG_LEVEL, \
            SLUICE_ENGINE_MEMORY, SLUICE_ENGINE_THREADS, SLUICE_BACKLOG, SLUICE_TLS_CERTIFICATE, SLUICE_TLS_KEY, \
            SLUICE_ALLOW_PRIVATE, SLUICE_ALLOW_FOLDER, SLUICE_DBT, SLUICE_DBT_FOLDER, SLUICE_SECRET_ENV, SLUICE_SECRET_FILES, \
            SLUICE_WEBHOOK_CA, SLUICE_PUBLIC_URL, SLUICE_HOLD_TIMERS. A flag beats it. SLUICE_MASTER_KEY is the key that secrets are sealed \
            with, in place of master.key in the data folder.

            Webhooks go to public addresses by https alone. For receivers on your own network name their range with \
            --allow-private; plain http goes there, too.

            Beyond this machine the server speaks TLS. Files that are renewed are taken up within seconds, without a restart. \
            Where something in front of it does TLS already, --plain-http says so.

            Examples:
              sluice serve --data ./data --listen 127.0.0.1:8080
              sluice serve --data ./data --listen 0.0.0.0:443 --tls-certificate chain.pem --tls-key key.pem
            """)

    @Option(name: .long, help: ArgumentHelp("The data folder (or SLUICE_DATA).", valueName: "DIR"))
    var data: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where to listen (or SLUICE_LISTEN); 127.0.0.1:8080 if not said. Port 0 takes any free one.",
            valueName: "HOST:PORT"))
    var listen: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The certificate to serve TLS with, in PEM, with those between it and a root (or SLUICE_TLS_CERTIFICATE).",
            valueName: "FILE"))
    var tlsCertificate: String?

    @Option(
        name: .long, help: ArgumentHelp("The certificate's private key, in PEM (or SLUICE_TLS_KEY).", valueName: "FILE")
    )
    var tlsKey: String?

    @Flag(name: .long, help: "Serve plain HTTP beyond this machine: something in front of the server does TLS.")
    var plainHTTP = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The least level that is logged (or SLUICE_LOG_LEVEL): debug, info, notice, warning, error; info if not said.",
            valueName: "LEVEL"))
    var logLevel: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The engine's memory per project (or SLUICE_ENGINE_MEMORY), such as 400MB or 2GB; 600 MiB if not said.",
            valueName: "SIZE"))
    var engineMemory: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The engine's threads (or SLUICE_ENGINE_THREADS); one a core if not said.", valueName: "N"))
    var engineThreads: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Rows that are kept hot, in the order in which they came, before they become a cold file; 200000 if not said.",
            valueName: "N"))
    var hotRows: Int64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How far storing may lag behind collecting (or SLUICE_BACKLOG) before new events get 503; 16 GiB if not said.",
            valueName: "SIZE"))
    var backlog: String?

    @Option(
        name: [.customLong("allow-private"), .customLong("allow-private-webhooks")],
        help: ArgumentHelp(
            "A private range that webhooks and pipelines may go to, such as 10.0.0.0/8 (or SLUICE_ALLOW_PRIVATE, with commas between several); may be repeated.",
            valueName: "CIDR"))
    var allowPrivate: [String] = []

    @Option(
        name: .customLong("allow-folder"),
        help: ArgumentHelp(
            "A folder below which pipelines may write files (or SLUICE_ALLOW_FOLDER, with colons between several); may be repeated.",
            valueName: "DIR"))
    var allowFolder: [String] = []

    @Option(
        name: .customLong("public-url"),
        help: ArgumentHelp(
            "Where the server is reached from outside, such as https://sluice.example.com (or SLUICE_PUBLIC_URL): links in mails begin with it.",
            valueName: "URL"))
    var publicURL: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The dbt that pipelines build models with (or SLUICE_DBT): a path, or a name that PATH has.",
            valueName: "PROGRAM"))
    var dbt: String?

    @Option(
        name: .customLong("dbt-folder"),
        help: ArgumentHelp(
            "A folder below which dbt's projects lie (or SLUICE_DBT_FOLDER, with colons between several), apart from those that pipelines write to; may be repeated.",
            valueName: "DIR"))
    var dbtFolder: [String] = []

    @Option(
        name: .customLong("secret-env"),
        help: ArgumentHelp(
            "Variables whose names begin so may be secrets of actions, and of pipelines that come by a key, as secret://env/NAME (or SLUICE_SECRET_ENV); SLUICE_SECRET_ if not said.",
            valueName: "PREFIX"))
    var secretEnv: String?

    @Option(
        name: .customLong("secret-files"),
        help: ArgumentHelp(
            "The folder whose files may be such secrets, as secret://file/PATH (or SLUICE_SECRET_FILES).",
            valueName: "DIR"))
    var secretFiles: String?

    @Option(
        name: .customLong("webhook-ca"),
        help: ArgumentHelp(
            "Further roots that webhooks' receivers are trusted by, in PEM (or SLUICE_WEBHOOK_CA).", valueName: "FILE"))
    var webhookCA: String?

    @Option(
        name: .customLong("hold-timers"),
        help: ArgumentHelp(
            "How long what triggers wait for is held where the machine's clock leaps ahead by more than five minutes (or SLUICE_HOLD_TIMERS), so that it can be put back; 5m if not said, 0s for not at all.",
            valueName: "LENGTH"))
    var holdTimers: String?

    #if TEST_CLOCK
        @Option(name: .long, help: "With 'test', POST /v1/test/clock sets the server's clock ahead.")
        var clock: String?
    #endif

    @Flag(name: .long, help: "Add POST /echo, the baseline that 'make bench' measures against.")
    var benchmark = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        OpenFiles.raiseLimit()
        let configuration = try settings()
        let server: SluiceServer
        do throws(ServerError) {
            server = try await buildServer(configuration, logger: Logger.sluice(level: configuration.logLevel))
        } catch {
            throw Failure(.failed, error.message)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await server.run() } catch {
                    throw Failure(.failed, "the server stopped: \(ClientErrors.describe(error))")
                }
            }
            // Where there is no socket nothing is to be waited for.
            if let port = await server.port(), await server.socketIsReady() || !server.hasSocket {
                let host = configuration.listen?.host ?? "127.0.0.1"
                let shown = host.contains(":") ? "[\(host)]" : host
                let address = "\(configuration.tls == nil ? "http" : "https")://\(shown):\(port)"
                try Terminal.line(
                    json
                        ? #"{"address":"\#(address)","port":\#(port)}"# : "Sluice is ready at \(address)")
            }
            try await group.waitForAll()
        }
    }
}
