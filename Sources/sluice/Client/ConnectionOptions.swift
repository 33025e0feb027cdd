import ArgumentParser
import Glibc

/// Where the store is: a folder on this machine, or a server with a key.
struct ConnectionOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The address of a server (or SLUICE_SERVER).", valueName: "URL"))
    var server: String?

    @Option(name: .long, help: ArgumentHelp("A secret key of the project (or SLUICE_KEY).", valueName: "KEY"))
    var key: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A data folder on this machine (or SLUICE_DATA); its running server is used if there is one.",
            valueName: "DIR"))
    var data: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --data: the project; 'default' if not said. With --server the key says it.", valueName: "NAME"))
    var project: String?

    mutating func validate() throws {
        if server != nil, data != nil {
            throw ValidationError("--server and --data name two stores; give one of them.")
        }
        if project != nil, server != nil {
            throw ValidationError("--project goes with --data; with --server the key says which project it is.")
        }
        if key != nil, data != nil {
            throw ValidationError("--key goes with --server; a folder on this machine needs none.")
        }
    }

    /// What the flags say, and where they are silent, the environment.
    func resolve() throws -> Place {
        let place = try found()
        switch place {
        case .server(let url, _):
            guard let project else { break }
            throw Failure(
                .usage,
                "--project \(project) goes with --data, but the store is the server \(url), whose key says which "
                    + "project it is; leave --project out and give that project's key, or give --data DIR")
        case .folder(let path):
            guard key != nil else { break }
            throw Failure(
                .usage,
                "--key goes with --server, but the store is the folder \(path), which needs none; leave --key out, or "
                    + "give --server URL")
        }
        return place
    }

    private func found() throws -> Place {
        if let data { return .folder(data) }
        if let server { return try .server(url: Self.normalized(server), key: key ?? Environment["SLUICE_KEY"]) }
        if let server = Environment["SLUICE_SERVER"] {
            return try .server(url: Self.normalized(server), key: key ?? Environment["SLUICE_KEY"])
        }
        if let data = Environment["SLUICE_DATA"] { return .folder(data) }
        throw Failure(
            .usage,
            "which store? Give --data DIR (a folder on this machine) or --server URL and --key KEY; "
                + "SLUICE_DATA, SLUICE_SERVER and SLUICE_KEY do the same")
    }

    /// An address without the slash at its end; one that has no scheme gets `http://`.
    private static func normalized(_ address: String) throws -> String {
        var text = address
        while text.hasSuffix("/") { text.removeLast() }
        if !text.contains("://") { text = "http://" + text }
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            throw Failure(.usage, "--server \(address): the address must begin with http:// or https://")
        }
        return text
    }
}

/// A store that a command can talk to.
enum Place: Sendable {
    case server(url: String, key: String?)
    case folder(String)
}

/// The process's environment; an empty variable counts as none.
enum Environment {
    static subscript(name: String) -> String? {
        // getenv's text is copied at once; nothing in this program changes the environment.
        guard let value = unsafe getenv(name).map({ unsafe String(cString: $0) }), !value.isEmpty else { return nil }
        return value
    }
}

extension ParsableCommand {
    /// `--json`, the same words for every command.
    static var jsonHelp: ArgumentHelp { "Print the answer as one JSON document." }
}
