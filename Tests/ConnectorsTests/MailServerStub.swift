import NIOCore
import NIOPosix
import Synchronization

/// A mail server that takes what it is sent, or answers one command as it is told to; nothing is encrypted.
final class MailServerStub: Sendable {
    enum Mood: Sendable {
        case takes
        /// Answers a command (`RCPT`, `AUTH`, …) so.
        case answers(String, String)
        case hangs
    }

    let channel: any Channel
    let port: Int
    fileprivate let heard: Mutex<[String]> = Mutex([])

    /// All that was said to it, line by line.
    var lines: [String] { heard.withLock { $0 } }

    private init(_ channel: any Channel) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    static func with<T>(_ mood: Mood, _ body: (MailServerStub) async throws -> T) async throws -> T {
        let made = Mutex<MailServerStub?>(nil)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Talker(mood) { line in made.withLock { $0 }?.heard.withLock { $0.append(line) } })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = MailServerStub(channel)
        made.withLock { $0 = server }
        do {
            let result = try await body(server)
            try await channel.close().get()
            return result
        } catch {
            try await channel.close().get()
            throw error
        }
    }
}

private final class Talker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let mood: MailServerStub.Mood
    private let hear: @Sendable (String) -> Void
    private var pending = ""
    private var isBody = false
    private var isLogin = false

    init(_ mood: MailServerStub.Mood, _ hear: @escaping @Sendable (String) -> Void) {
        self.mood = mood
        self.hear = hear
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .hangs = mood { return }
        say("220 stub", context)
    }

    private func say(_ line: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: line + "\r\n")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pending += String(buffer: unwrapInboundIn(data))
        while let end = pending.firstIndex(of: "\r\n") {
            let line = String(pending[..<end])
            pending = String(pending[pending.index(after: end)...])
            hear(line)
            answer(line, context)
        }
    }

    private func answer(_ line: String, _ context: ChannelHandlerContext) {
        if isBody {
            guard line == "." else { return }
            isBody = false
            return say("250 taken", context)
        }
        if isLogin {
            isLogin = false
            return say("235 welcome", context)
        }
        let word = line.split(separator: " ").first.map { $0.uppercased() } ?? ""
        if case .answers(let command, let reply) = mood, command == word { return say(reply, context) }
        switch word {
        case "EHLO": say("250-stub\r\n250 AUTH PLAIN", context)
        case "AUTH":
            isLogin = true
            say("334 ", context)
        case "DATA":
            isBody = true
            say("354 go on", context)
        case "QUIT": say("221 bye", context)
        default: say("250 ok", context)
        }
    }
}
