import ArgumentParser
import Connectors
import Logging
import Model
import Server

extension Serve {
    /// Flags, then the environment, then the defaults of `ServerConfiguration`.
    func settings() throws -> ServerConfiguration {
        guard let folder = data ?? Environment["SLUICE_DATA"] else {
            throw Failure(.usage, "which folder? Give --data DIR; make one with: sluice init --data DIR")
        }
        var configuration = ServerConfiguration(dataDirectory: folder)
        configuration.handlesSignals = true
        configuration.benchmark = benchmark
        #if TEST_CLOCK
            configuration.hasTestClock = clock == "test"
        #endif
        if let text = listen ?? Environment["SLUICE_LISTEN"] {
            guard let address = ServerConfiguration.Address(text) else {
                throw Failure(.usage, "--listen \(text): give HOST:PORT, such as 127.0.0.1:8080")
            }
            configuration.listen = address
        }
        switch (tlsCertificate ?? Environment["SLUICE_TLS_CERTIFICATE"], tlsKey ?? Environment["SLUICE_TLS_KEY"]) {
        case (let certificate?, let key?): configuration.tls = TLSFiles(certificate: certificate, key: key)
        case (nil, nil): break
        default: throw Failure(.usage, "TLS needs both --tls-certificate FILE and --tls-key FILE")
        }
        guard !configuration.isExposed || plainHTTP else {
            throw Failure(
                .usage,
                "\(configuration.listen?.host ?? "") can be reached from other machines, and keys would cross the network as "
                    + "plain text: give --tls-certificate and --tls-key, or --plain-http if something in front does TLS"
            )
        }
        if let text = logLevel ?? Environment["SLUICE_LOG_LEVEL"] {
            guard let level = Logger.Level(rawValue: text.lowercased()) else {
                throw Failure(.usage, "--log-level \(text): there are debug, info, notice, warning and error")
            }
            configuration.logLevel = level
        }
        if let text = engineMemory ?? Environment["SLUICE_ENGINE_MEMORY"] {
            configuration.engineMemory = try Size.parse(text, flag: "--engine-memory")
        }
        if let text = backlog ?? Environment["SLUICE_BACKLOG"] {
            configuration.backlogBytes = try Size.parse(text, flag: "--backlog")
        }
        if let hotRows {
            guard hotRows > 0 else { throw Failure(.usage, "--hot-rows \(hotRows): give at least 1") }
            configuration.hotRows = hotRows
        }
        if let threads = try engineThreads ?? environmentThreads() {
            guard threads > 0 else { throw Failure(.usage, "--engine-threads \(threads): give at least 1") }
            configuration.engineThreads = threads
        }
        configuration.allowPrivate = try Operator.ranges(allowPrivate)
        configuration.publicURL = try Operator.url(publicURL)
        configuration.allowFolders = try Operator.folders(allowFolder)
        configuration.dbtProgram = try Operator.dbt(dbt)
        configuration.dbtFolders = try Operator.dbtFolders(dbtFolder)
        if let prefix = try Operator.secretPrefix(secretEnv) { configuration.secrets.environmentPrefix = prefix }
        configuration.secrets.folder = secretFiles ?? Environment["SLUICE_SECRET_FILES"]
        configuration.outboundRoots = webhookCA ?? Environment["SLUICE_WEBHOOK_CA"]
        configuration.masterKey = Environment["SLUICE_MASTER_KEY"]
        if let text = holdTimers ?? Environment["SLUICE_HOLD_TIMERS"] {
            guard let length = Durations.microseconds(text), length <= 86_400_000_000 else {
                throw Failure(.usage, "--hold-timers \(text): give a length of time such as 5m, 1d at most, or 0s")
            }
            configuration.timerHold = .microseconds(length)
        }
        return configuration
    }

    private func environmentThreads() throws -> Int? {
        guard let text = Environment["SLUICE_ENGINE_THREADS"] else { return nil }
        guard let number = Int(text) else {
            throw Failure(.usage, "SLUICE_ENGINE_THREADS=\(text): give a whole number")
        }
        return number
    }
}
