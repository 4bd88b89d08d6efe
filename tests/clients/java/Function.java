import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.Map;

/** A function on AWS's own runtime for Java: answers, fails and hangs as its event asks. */
public class Function implements RequestHandler<Map<String, Object>, Map<String, Object>> {
  /** Is told as the error's type. */
  public static class OutOfStock extends RuntimeException {
    public OutOfStock() {
      super("nothing is left");
    }
  }

  @Override
  public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
    if ("fail".equals(event.get("do"))) {
      throw new OutOfStock();
    }
    if ("hang".equals(event.get("do"))) {
      try {
        Thread.sleep(60_000);
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
    }
    System.out.println("printed");
    Map<String, Object> answer = new HashMap<>();
    answer.put("event", event);
    answer.put("request", context.getAwsRequestId());
    answer.put("deadline", context.getRemainingTimeInMillis() > 1000);
    answer.put("arn", context.getInvokedFunctionArn());
    answer.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
    answer.put("client", context.getClientContext().getCustom());
    answer.put("identity", context.getIdentity() == null ? null : context.getIdentity().getIdentityId());
    answer.put("function", context.getFunctionName());
    answer.put("memory", context.getMemoryLimitInMB());
    answer.put("version", context.getFunctionVersion());
    answer.put("group", context.getLogGroupName());
    return answer;
  }
}
