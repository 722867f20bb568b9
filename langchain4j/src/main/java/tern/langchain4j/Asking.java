package tern.langchain4j;

import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;

import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;

import tern.host.local.Call;
import tern.host.local.LocalModel;
import tern.host.local.Question;
import tern.host.local.Reader;
import tern.host.local.Reply;

/** A model and how it is asked. Safe for use by several threads. */
record Asking(ModelSource.Opened opened, ChatRequestParameters parameters, OptionalLong seed, Duration timeout,
        List<ChatModelListener> listeners) {
    LocalModel model() {
        return opened.model();
    }

    /** @throws dev.langchain4j.exception.LangChain4jException if the request asks for what is not offered */
    Question question(ChatRequest request) {
        String name = request.modelName();
        if (name != null && !name.equals(model().name())) {
            throw new ModelNotFoundException("the request names the model " + name + ", but this is " + model().name()
                    + "; leave modelName out, or ask the other model");
        }
        return Requests.question(Requests.messages(request.messages()), request.parameters(), seed, timeout);
    }

    Reply ask(Question question) {
        try {
            return model().ask(question);
        } catch (InterruptedException interrupted) {
            throw Failures.interrupted(interrupted);
        } catch (RuntimeException why) {
            throw Failures.of(why);
        }
    }

    Call ask(Question question, Reader reader) {
        try {
            return model().ask(question, reader);
        } catch (RuntimeException why) {
            throw Failures.of(why);
        }
    }
}
