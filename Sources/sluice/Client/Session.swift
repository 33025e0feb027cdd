import Glibc

/// Finds the server that a command should talk to, and lends a client for it. One code path: even a folder without a
/// server is spoken to over HTTP, by a server inside this process that listens on the folder's socket alone.
enum Session {
    /// Runs a body with a client; Ctrl-C cancels it.
    static func run<T: Sendable>(
        _ options: ConnectionOptions, onlyExports: Bool = false,
        _ body: @escaping @Sendable (APIClient) async throws -> T
    ) async throws -> T {
        switch try options.resolve() {
        case .server(let url, let key): return try await APIClient.withClient(url: url, key: key, body)
        case .folder(let path):
            let folder = try DataFolder(path)
            if folder.hasLiveServer {
                return try await APIClient.withClient(socket: folder.socket, project: options.project, body)
            }
            return try await LocalServer.run(folder, onlyExports: onlyExports) {
                try await APIClient.withClient(
                    socket: folder.socket, project: options.project, isShortLived: true, body)
            }
        }
    }
}
