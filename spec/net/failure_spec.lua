local failure = require("trailmark_testing").failure

local SSL_CONNECT_ERROR, RECV_ERROR, HTTP2, PEER_FAILED_VERIFICATION = 35, 56, 16, 60

describe("what libcurl says of a failure", function()
  it("tells a TLS handshake that broke off from one that was refused", function()
    for _, text in ipairs { "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to 127.0.0.1:1",
      "Recv failure: Connection reset by peer", "Send failure: Broken pipe", "unexpected eof while reading" } do
      assert.equal("network", failure.refine(SSL_CONNECT_ERROR, text, false), text)
    end
    assert.equal("tls", failure.refine(SSL_CONNECT_ERROR, "error:0A000410:SSL routines::sslv3 alert", false))
    assert.equal("tls", failure.refine(PEER_FAILED_VERIFICATION, "", false))
  end)

  -- Only the first error of a transfer has a text, and that may have been an earlier connection's.
  it("is taken for a handshake that broke off where it has no text", function()
    assert.equal("network", failure.refine(SSL_CONNECT_ERROR, "", false))
  end)

  -- libcurl keeps the first error, which is none of the transfer's failure where it went on.
  it("is not taken from what it only noticed on the way", function()
    local aside = "getpeername() failed with errno 107: Transport endpoint is not connected"
    assert.equal("network", failure.refine(SSL_CONNECT_ERROR, aside, false))
    assert.equal("the connection ended inside the TLS handshake", failure.words(SSL_CONNECT_ERROR, aside))
    assert.equal("the connection ended inside the TLS handshake", failure.words(SSL_CONNECT_ERROR, ""))
    assert.equal("Failure when receiving data from the peer", failure.words(RECV_ERROR, aside))
    assert.equal("Recv failure: Connection reset by peer", failure.words(RECV_ERROR,
      "Recv failure: Connection reset by peer"))
  end)

  it("tells what a chunk does wrong from a failure to receive", function()
    assert.equal("protocol", failure.refine(RECV_ERROR, "Illegal or missing hexadecimal sequence in "
      .. "chunked-encoding", true))
    assert.equal("network", failure.refine(RECV_ERROR, "Recv failure: Connection reset by peer", true))
  end)

  it("tells a session of HTTP/2 that was given up before it answered from one that went wrong", function()
    assert.equal("network", failure.refine(HTTP2, "", false))
    assert.equal("protocol", failure.refine(HTTP2, "", true))
  end)
end)
