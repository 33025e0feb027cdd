import Foundation
import Synchronization

@testable import Destinations

/// A private PostgreSQL 15 for one run of the tests, on a free port of this machine; made when it is first asked for.
final class PostgresCluster: Sendable {
    private static let made = Mutex<Result<PostgresCluster, any Error>?>(nil)

    let url: String
    private let folder: String
    private let port: Int

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The one of this run.
    static func shared() throws -> PostgresCluster {
        try made.withLock { made in
            if let made { return try made.get() }
            let result = Result { try PostgresCluster() }
            made = result
            atexit {
                PostgresCluster.made.withLock { made in
                    if case .success(let cluster)? = made { cluster.stop() }
                }
            }
            return try result.get()
        }
    }

    private init() throws {
        folder = "/tmp/sluice-postgres-" + UUID().uuidString
        port = try Self.freePort()
        url = "postgresql://sluice:secret@127.0.0.1:\(port)/postgres?sslmode=disable"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try "secret".write(toFile: folder + "/password", atomically: true, encoding: .utf8)
        if getuid() == 0 {
            // Its programs refuse to run as root.
            try Self.run("/bin/chown", ["-R", "postgres", folder])
        }
        try program(
            "initdb",
            [
                "-D", folder + "/data", "-U", "sluice", "--pwfile=" + folder + "/password", "-A", "scram-sha-256",
                "--no-sync",
                "-E", "UTF8", "--locale=C",
            ])
        try program(
            "pg_ctl",
            [
                "-D", folder + "/data", "-l", folder + "/log", "-w", "-o",
                "-p \(port) -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off", "start",
            ])
    }

    /// What a statement answers.
    func rows(_ sql: String) throws -> [[String?]] { try connect().rows(sql) }

    func connect() throws -> PostgresConnection {
        try PostgresConnection(
            [
                ("host", "127.0.0.1"), ("port", String(port)), ("user", "sluice"), ("password", "secret"),
                ("dbname", "postgres"), ("sslmode", "disable"),
            ], brake: PostgresBrake())
    }

    /// The process ends: nothing of it is waited for.
    private func stop() {
        let file = try? String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8)
        if let line = file?.split(separator: "\n").first, let process = pid_t(line) { kill(process, SIGQUIT) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func program(_ name: String, _ arguments: [String]) throws {
        let bin = ProcessInfo.processInfo.environment["SLUICE_POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin"
        guard FileManager.default.isExecutableFile(atPath: "\(bin)/\(name)") else {
            throw Failure(description: "PostgreSQL 15 is needed in \(bin): apt-get install postgresql-15")
        }
        if getuid() == 0 {
            try Self.run(
                "/usr/bin/setpriv",
                ["--reuid=postgres", "--regid=postgres", "--init-groups", "\(bin)/\(name)"] + arguments)
        } else {
            try Self.run("\(bin)/\(name)", arguments)
        }
    }

    /// Runs a program to its end. What it leaves running keeps nothing of ours open.
    private static func run(_ path: String, _ arguments: [String]) throws {
        let words = ([path] + arguments).map { "'" + $0 + "'" }.joined(separator: " ")
        // A command of ours alone, in which no word has a quote.
        let status = unsafe system("cd /tmp && " + words + " < /dev/null > /dev/null 2>&1")
        guard status == 0 else { throw Failure(description: "\(words) ended with \(status)") }
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The address lives for the calls, with its own length.
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                (address: UnsafeMutablePointer<sockaddr>) -> Int32 in
                let bound = unsafe bind(descriptor, address, length)
                guard bound == 0 else { return -1 }
                return unsafe getsockname(descriptor, address, &length)
            }
        }
        guard result == 0 else { throw Failure(description: "no port is free") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
