internal import CCurl

/// Ends a transfer from another thread.
@safe final class MailStop: Sendable {
    // Made once, freed by the last who holds it; what it points to is atomic.
    nonisolated(unsafe) let pointer: OpaquePointer?

    init() { unsafe pointer = sluice_mail_stop_new() }

    deinit { unsafe sluice_mail_stop_free(pointer) }

    func now() { if let pointer = unsafe pointer { unsafe sluice_mail_stop_now(pointer) } }
}

/// One mail on its way through libcurl.
struct MailTransfer: Sendable {
    let server: MailServer
    let addresses: [IPAddress]
    let roots: String?
    let sender: MailAddress
    let message: MailMessage?
    let milliseconds: Int64
    let connectMilliseconds: Int64

    /// Sends. Blocking.
    func run(_ stop: MailStop, _ before: OutboundResult) -> OutboundResult {
        let literal = server.address?.isV6 == true ? "[\(server.host)]" : server.host
        let scheme = server.security == .tls ? "smtps" : "smtp"
        let places = addresses.prefix(3).map { $0.isV6 ? "[\($0)]" : "\($0)" }.joined(separator: ",")
        let recipients = message?.to.map { "<\($0.address)>" } ?? []
        let bytes = message?.bytes ?? []
        var result = sluice_mail_result()
        let words = [
            "\(scheme)://\(literal):\(server.port)/\(sender.domain)",
            // An address leads where it says; one of version 6 has colons that would be read otherwise.
            server.address == nil ? "\(server.host):\(server.port):\(places)" : nil, roots, server.username,
            server.password, "<\(sender.address)>",
        ]
        // Everything is lent for the call alone.
        unsafe withCStrings(words + recipients) { texts in
            let list = unsafe Array(texts.dropFirst(words.count))
            unsafe list.withUnsafeBufferPointer { list in
                unsafe bytes.withUnsafeBytes { body in
                    var mail = unsafe sluice_mail()
                    unsafe mail.url = texts[0]
                    unsafe mail.resolve = texts[1]
                    unsafe mail.must_encrypt = server.security == .none ? 0 : 1
                    unsafe mail.roots = texts[2]
                    unsafe mail.username = texts[3]
                    unsafe mail.password = texts[4]
                    unsafe mail.sender = texts[5]
                    unsafe mail.recipients = list.baseAddress
                    unsafe mail.recipient_count = list.count
                    unsafe mail.message = message == nil ? nil : body.baseAddress?.assumingMemoryBound(to: CChar.self)
                    unsafe mail.length = body.count
                    unsafe mail.timeout_ms = Int(milliseconds)
                    unsafe mail.connect_timeout_ms = Int(min(connectMilliseconds, milliseconds))
                    unsafe mail.stop = stop.pointer
                    unsafe sluice_mail_send(&mail, &result)
                }
            }
        }
        return outcome(result, before)
    }

    private func outcome(_ mail: sluice_mail_result, _ before: OutboundResult) -> OutboundResult {
        var result = before
        let answer = Self.text(mail.answer)
        let peer = Self.text(mail.peer)
        result.peer = peer.isEmpty ? nil : peer
        if mail.connected != 0 { result.timings.connect = mail.connect_us }
        if mail.tls_us > 0 { result.timings.tls = mail.tls_us - mail.connect_us }
        result.timings.total = mail.total_us + (before.timings.dns ?? 0)
        if mail.kind == SLUICE_MAIL_OK {
            result.answer = OutboundAnswer(status: 250, body: Array(hidden(answer).utf8))
        } else {
            result.failure = failure(mail, answer)
        }
        return result
    }

    private func failure(_ mail: sluice_mail_result, _ answer: String) -> OutboundFailure {
        let said = answer.isEmpty ? "" : ": \(hidden(answer))"
        switch mail.kind {
        case SLUICE_MAIL_ANSWERED where mail.code >= 500:
            return OutboundFailure(.refused, "the mail server refuses it\(said)")
        case SLUICE_MAIL_ANSWERED: return OutboundFailure(.deferred, "the mail server puts it off\(said)")
        case SLUICE_MAIL_LOGIN: return OutboundFailure(.login, "the mail server refuses the log-in\(said)")
        case SLUICE_MAIL_CONNECT: return OutboundFailure(.connectRefused, "nobody listens there")
        case SLUICE_MAIL_TIMEOUT:
            return mail.connected != 0
                ? OutboundFailure(.headerTimeout, "the mail server did not answer within the time")
                : OutboundFailure(.connectTimeout, "no connection within the time")
        case SLUICE_MAIL_CERTIFICATE:
            return OutboundFailure(
                .certificate, "the certificate does not hold: it is self-signed, expired, or of somebody else")
        case SLUICE_MAIL_TLS: return OutboundFailure(.tls, "TLS could not be agreed on")
        case SLUICE_MAIL_NO_TLS:
            return OutboundFailure(.tls, "the mail server offers no TLS, and nothing is said in clear")
        case SLUICE_MAIL_STOPPED: return OutboundFailure(.cancelled, "the server ends")
        default: return OutboundFailure(.reset, "the connection broke off\(said)")
        }
    }

    /// What the server said, without the secrets that it may have repeated.
    private func hidden(_ answer: String) -> String {
        var shown = MailText.line(answer, most: 300)
        for secret in [server.password, server.username] {
            guard let secret, secret.utf8.count >= 4 else { continue }
            shown = shown.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "[hidden]")
        }
        return shown
    }

    /// The text in an array that C has as a tuple.
    private static func text<T>(_ tuple: T) -> String {
        // A copy of the caller's; read up to its zero.
        unsafe withUnsafeBytes(of: tuple) { bytes in unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// Lends texts as C has them, null for nil.
func withCStrings(_ texts: [String?], _ body: ([UnsafePointer<CChar>?]) -> Void) {
    func lend(_ place: Int, _ lent: [UnsafePointer<CChar>?]) {
        guard place < texts.count else { return unsafe body(lent) }
        guard let text = texts[place] else { return unsafe lend(place + 1, lent + [nil]) }
        // Valid while the calls below it last.
        unsafe text.withCString { unsafe lend(place + 1, lent + [$0]) }
    }
    unsafe lend(0, [])
}
